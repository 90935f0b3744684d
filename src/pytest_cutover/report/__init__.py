"""What a run leaves behind: result.json, the report, the summary in the terminal."""
