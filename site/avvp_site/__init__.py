"""What `make site` adds to Sphinx: sources laid out for it, equations as MathML, a gallery, pages of the API."""
