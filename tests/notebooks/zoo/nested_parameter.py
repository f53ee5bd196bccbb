# %% tags=["parameters"]
widths = {"hidden": 128}  # not flat
