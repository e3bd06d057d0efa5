// The list of all MuJoCo tasks, for what goes through all of them: registry, benchmarks, tests.
#pragma once

#include "mbrl/mujoco/tasks/ant.hpp"
#include "mbrl/mujoco/tasks/dmc.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/hopper.hpp"
#include "mbrl/mujoco/tasks/humanoid.hpp"
#include "mbrl/mujoco/tasks/inverted_double_pendulum.hpp"
#include "mbrl/mujoco/tasks/inverted_pendulum.hpp"
#include "mbrl/mujoco/tasks/mbbl.hpp"
#include "mbrl/mujoco/tasks/pets_cartpole.hpp"
#include "mbrl/mujoco/tasks/pets_half_cheetah.hpp"
#include "mbrl/mujoco/tasks/pets_reacher3d.hpp"
#include "mbrl/mujoco/tasks/pilco_reacher.hpp"
#include "mbrl/mujoco/tasks/pusher.hpp"
#include "mbrl/mujoco/tasks/reacher.hpp"
#include "mbrl/mujoco/tasks/swimmer.hpp"
#include "mbrl/mujoco/tasks/walker2d.hpp"

namespace mbrl::mujoco {

/// visit(task), a MujocoTask of another type each time.
template <class Visit>
void for_each_task(Visit&& visit) {
  for (const GymVersion version : {GymVersion::kV4, GymVersion::kV5}) {
    visit(HalfCheetahTask(versioned("HalfCheetah", version)));
    visit(HopperTask(version));
    visit(Walker2dTask(version));
    visit(HumanoidStandupTask(version));
    visit(SwimmerTask(version));
    visit(InvertedPendulumTask(version));
    visit(InvertedDoublePendulumTask(version));
    visit(ReacherTask(version));
    visit(PusherTask(version));
  }
  using AntKind = AntTask::Version;
  for (const auto kind : {AntKind::kV4, AntKind::kV4Contact, AntKind::kV5, AntKind::kTruncated})
    visit(AntTask(kind));
  using Body = HumanoidBody::Version;
  for (const auto version : {Body::kV4, Body::kV5, Body::kTruncated}) visit(HumanoidTask(version));
  visit(PetsCartPoleTask{});
  visit(PetsHalfCheetahTask{});
  visit(PetsReacher3DTask{});
  for (const auto tips : {PetsPusherTask::Tips::kWrist, PetsPusherTask::Tips::kBetweenFingers})
    visit(PetsPusherTask(tips));
  visit(PilcoReacherTask{});
  visit(mbbl_half_cheetah());
  visit(mbbl_swimmer());
  for (const bool et : {false, true}) {
    visit(mbbl_walker2d(et));
    visit(mbbl_hopper(et));
    visit(mbbl_ant(et));
    visit(mbbl_slim_humanoid(et));
  }
  visit(mbbl_inverted_pendulum());
  visit(MbblReacherTask{});
  visit(DmcCheetahTask{});
  visit(DmcCartPoleTask{});
  visit(DmcReacherTask{});
  visit(DmcFingerTask{});
  visit(DmcBallInCupTask{});
  visit(DmcWalkerTask{});
}

}  // namespace mbrl::mujoco
