"""Times what bench/gp_bench.cpp does in scikit-learn 1.9.1, one thread:
  pip install scikit-learn==1.9.1; OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/scikit_learn_gp.py
Prints milliseconds of processor time: prediction of mean and standard deviation at 1,024 points, evidence with gradient.
"""
import time

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

D, PROBES = 6, 1024
random = np.random.default_rng(1)


def milliseconds(work):
    work()
    times = []
    for _ in range(7):
        start, count = time.process_time(), 0
        while time.process_time() - start < 0.05:
            work()
            count += 1
        times.append((time.process_time() - start) / count)
    return 1e3 * np.median(times)


for n in (100, 300, 1000):
    x, probe = random.normal(size=(n, D)), random.normal(size=(PROBES, D))
    y = np.linalg.norm(x, axis=1)
    kernel = ConstantKernel(1.0) * RBF([2.0] * D) + WhiteKernel(0.01)
    gp = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(x, y)
    theta = gp.kernel_.theta
    print(f"n {n}: predict {milliseconds(lambda: gp.predict(probe, return_std=True)):.2f} ms,",
          f"evidence {milliseconds(lambda: gp.log_marginal_likelihood(theta, eval_gradient=True)):.2f} ms")
