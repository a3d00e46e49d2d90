"""The docs as a site: pages written from the code, built by zensical, every link checked.

pages       docs/ and a few files beside it, their links set for the site
commands    a page for each command of the command line, with every option
modules     a page for each public module, from its docstrings
links       what in the built site leads nowhere, or is fetched from elsewhere
"""
