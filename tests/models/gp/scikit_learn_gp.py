"""Reference numbers of gaussian_process_test.cpp beside this file, made by scikit-learn 1.9.1 (numpy 2.4):
  pip install scikit-learn==1.9.1; python tests/models/gp/scikit_learn_gp.py
Evidence and its gradient by (log lengthscales, log signal, log noise), and prediction (mean, standard deviation of f) of a
process with two inputs. scikit-learn's parameters are logarithms of signal^2, of lengthscales and of noise^2.
"""
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel


def wave(count, phase):  # entries of every array here and in the test
    k = np.arange(count)
    return np.sin(1.7 * k + 0.37 * k * k + phase)


D, N, TESTS = 2, 15, 4
x = 2 * wave(D * N, 0.0).reshape(N, D)
y = np.sin(2 * x[:, 0]) * x[:, 1] + 0.1 * wave(N, 1.0)
probe = 2.5 * wave(D * TESTS, 2.0).reshape(TESTS, D)

for lengthscale, signal, noise in (([0.7, 1.3], 0.9, 0.2), ([2.0, 0.4], 1.7, 0.05)):
    kernel = ConstantKernel(signal**2) * RBF(lengthscale) + WhiteKernel(noise**2)
    gp = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(x, y)
    value, gradient = gp.log_marginal_likelihood(gp.kernel_.theta, eval_gradient=True)
    print("evidence %.12g" % value)
    print("gradient", ", ".join("%.12g" % g for g in (gradient[1], gradient[2], 2 * gradient[0], 2 * gradient[3])))
    mean, std = gp.predict(probe, return_std=True)
    print("mean", ", ".join("%.12g" % m for m in mean))
    # scikit-learn's own variance has the noise in it
    print("variance", ", ".join("%.12g" % v for v in std**2))
