"""Token layouts, one module each: how text and codes follow one another in a document."""
