"""Disposable database servers."""
