#include "mbrl/models/neural/mlp_ensemble_model.hpp"

#include "mbrl/core/error.hpp"

namespace mbrl {

void MlpEnsembleModel::predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                               BatchRef<float> mean, BatchRef<float> variance, Workspace& workspace) const {
  require(0 <= member && member < members(), "MlpEnsembleModel: member ", member, " asked for, there are ",
          members());
  const MlpEnsemble& model = *model_;
  workspace.mean.resize(model.target_dim(), obs.cols());
  workspace.logvar.resize(model.target_dim(), obs.cols());
  predict_member(model, model.elites[static_cast<std::size_t>(member)], obs, action, workspace.mean,
                 workspace.logvar);
  model.encoding.decode<float>(obs, workspace.mean.topRows(obs_dim()), mean);
  if (model.settings.gaussian)
    variance = workspace.logvar.topRows(obs_dim()).array().exp().matrix();
  else
    variance.setZero();
  for (int i = 0; i < obs_dim(); ++i)
    if (model.encoding.targets[static_cast<std::size_t>(i)] == TargetKind::kConstant)
      variance.row(i).setZero();
}

void MlpEnsembleModel::step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
                            Workspace& workspace) const {
  next_obs.setZero();
  workspace.next.resize(obs.rows(), obs.cols());
  workspace.variance.resize(obs.rows(), obs.cols());
  for (int m = 0; m < members(); ++m) {
    predict(m, obs, action, workspace.next, workspace.variance, workspace);
    next_obs += workspace.next / static_cast<float>(members());
  }
}

}  // namespace mbrl
