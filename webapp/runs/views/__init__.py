"""Pages about runs, one module a page. Views translate: a selector reads, a service writes, a template speaks."""
