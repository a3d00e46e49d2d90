"""Sources read: folders, files, rows, web pages, code, split into passages."""
