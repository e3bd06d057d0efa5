// The mbrl program. Exit status: 0 done, 1 a check failed (verify), 2 a mistake in the input, 130 stopped by
// Ctrl-C, 143 stopped by SIGTERM.
#include <csignal>
#include <exception>
#include <iostream>

#include "commands.hpp"
#include "mbrl/core/error.hpp"

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error with a message, not the end
  CLI::App app{
      "mbrl: model-based reinforcement learning.\n\n"
      "  mbrl envs                                             what can be learned\n"
      "  mbrl plan --env control/CartPole --planner icem,ilqr   plan on the true dynamics, planners "
      "compared\n"
      "  mbrl train pets --env pets/CartPole --out runs/demo   learn it, with progress\n"
      "  mbrl eval runs/demo                                   run what was learned\n"
      "  mbrl compare runs/demo                                planners side by side on what was learned\n"
      "  mbrl render runs/demo                                 a film of it\n"
      "  mbrl view runs/demo                                   watch it in a window, with its plans\n"
      "  mbrl verify pets/HalfCheetah recording.csv            compare an environment with a recording\n"};
  app.require_subcommand(1);
  mbrl::cli::add_plan(app);
  mbrl::cli::add_train(app);
  mbrl::cli::add_plot(app);
  mbrl::cli::add_eval(app);
  mbrl::cli::add_compare(app);
  mbrl::cli::add_envs(app);
  mbrl::cli::add_verify(app);
  mbrl::cli::add_render(app);
  mbrl::cli::add_view(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // A sub-command's own exit status comes as a RuntimeError; any other parse error is the user's.
    const int status = app.exit(error);
    return dynamic_cast<const CLI::RuntimeError*>(&error) ? status : status == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "mbrl: " << error.what() << '\n';
    return 2;
  }
  return 0;
}
