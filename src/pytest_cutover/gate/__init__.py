"""What a pull request touches, and what it weakens: the work tree beside the merge base."""
