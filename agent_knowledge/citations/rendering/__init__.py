"""Verified answers in forms that show their sources: footnotes, Markdown and HTML. All pure."""
