"""Token layouts, one file each: how text and codes follow one another in a document."""
