// The losses that members of an ensemble learn by and their gradients, compiled for several instruction sets and chosen at
// run time.
#pragma once

namespace mbrl::training {

// What one network says to a batch, and what it should say; arrays are [row][stride], a column a sample, as a Pass's.
struct LossBatch {
  const float* outputs = nullptr;
  const float* targets = nullptr;
  float* gradient = nullptr;  // of the loss, with respect to the outputs
  float* terms = nullptr;     // scratch: 3 * dims rows
  int dims = 0;               // rows of the targets
  int samples = 0;
  int stride = 0;
};

// Loss of the first `rows` targets, their share of the mean over samples and dims. Gaussian: writes the gradients of the
// log-variances' bounds to max_grad and min_grad (`rows` entries). All gradients of a number are weighed by its predicted
// variance to the power of beta (beta-NLL), the loss is not.
double gaussian_loss(const LossBatch& batch, int rows, const float* max_logvar, const float* min_logvar,
                     float beta, double* max_grad, double* min_grad);
double squared_loss(const LossBatch& batch, int rows);
// The same of one row whose targets are 0 or 1 and whose outputs are logits. weight: of the gradient.
double logistic_loss(const LossBatch& batch, int row, double weight);

}  // namespace mbrl::training
