# %% tags=["parameters"]
out = "outputs/runs/moves_away"  # folder

# %%
import os
import tempfile

os.chdir(tempfile.gettempdir())
