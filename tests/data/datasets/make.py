"""Makes the HDF5 files beside it, with h5py 3: what D4RL and Minari write, in a few rows."""
import os

import h5py, numpy as np

base = os.path.dirname(os.path.abspath(__file__)) + "/"
# Seven transitions of three episodes: terminated after 3, out of time after 2, cut off by the end of the file after 2.
n = 7
obs = np.array([[10 * i, i] for i in range(n)], dtype=np.float32)
common = dict(observations=obs, actions=np.arange(n, dtype=np.float32)[:, None] / 10, rewards=np.arange(n, dtype=np.float64),
              terminals=np.array([0, 0, 1, 0, 0, 0, 0], dtype=bool), timeouts=np.array([0, 0, 0, 0, 1, 0, 0], dtype=bool))
def write(name, arrays):
    with h5py.File(base + name, "w") as f:
        for k, v in arrays.items(): f[k] = v
write("d4rl.hdf5", common)
write("d4rl_next.hdf5", dict(common, next_observations=obs + 1))
write("other.hdf5", dict(numbers=np.arange(3)))
write("flags.hdf5", dict(common, terminals=np.array([0, 0, 1, 0, 2, 0, 0])))
write("short.hdf5", dict(common, rewards=np.arange(6.0)))
def minari(name, dictionary):
    with h5py.File(base + name, "w") as f:
        f.attrs["total_episodes"] = 2
        for e, (length, ended) in enumerate([(3, True), (2, False)]):
            g = f.create_group(f"episode_{e}")
            o = np.array([[100 * e + 10 * i, i] for i in range(length + 1)], dtype=np.float64)
            if dictionary: g.create_group("observations")["state"] = o
            else: g.create_dataset("observations", data=o, compression="gzip")
            g["actions"] = np.arange(length)  # choices
            g["rewards"] = np.arange(length) + 0.5 * e
            g["terminations"] = np.array([False] * (length - 1) + [ended])
            g["truncations"] = np.array([False] * (length - 1) + [not ended])
minari("minari.hdf5", False)
minari("minari_dict.hdf5", True)
