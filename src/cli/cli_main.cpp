// The command line. Exit status: 0 done, 1 a check failed (verify) or the output was lost, 2 a mistake in the
// input, 130 stopped by Ctrl-C, 143 by SIGTERM, 129 with its terminal.
#include "mbrl/cli.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include "command_line.hpp"
#include "commands.hpp"
#include "mbrl/core/error.hpp"
#include "registries.hpp"
#include "version.hpp"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"mbrl: model-based reinforcement learning and model-predictive control"};
  app.set_version_flag("--version", mbrl::cli::version_text,
                       "Commit, components, LibTorch, MuJoCo, SIMD, and stop");
  if (argc > 0) mbrl::cli::name_program(argv[0]);
  app.name(mbrl::cli::program_name());
  app.require_subcommand(1);
  mbrl::cli::add_envs(app);
  mbrl::cli::add_plan(app);
  mbrl::cli::add_train(app);
  mbrl::cli::add_eval(app);
  mbrl::cli::add_export(app);
  mbrl::cli::add_dataset(app);
  mbrl::cli::add_identify(app);
  mbrl::cli::add_compare(app);
  mbrl::cli::add_plot(app);
  mbrl::cli::add_render(app);
  mbrl::cli::add_view(app);
  mbrl::cli::add_verify(app);
  app.footer(
      "A first minute:\n"
      "  mbrl envs cartpole                                     what can be learned\n"
      "  mbrl plan --env control/CartPole --planner icem,ilqr   plan on the true dynamics\n"
      "  mbrl train pets --env pets/CartPole --out runs/demo    learn it, with progress\n"
      "  mbrl eval runs/demo                                    act with what was learned\n"
      "'mbrl COMMAND --help' says more.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();  // a command's own
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << mbrl::cli::misunderstanding(app, error) << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << mbrl::cli::program_name() << ": " << error.what() << '\n';
    return 2;
  }
  return 0;
}

}  // namespace

int mbrl::cli_main(int argc, char** argv, const Registries& users) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error with a message, not the end
  int status = 0;
  try {
    cli::use_registries(users);
    status = run(argc, argv);
    cli::flush_output();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mbrl: %s\n", error.what());
    if (status == 0) status = 1;
  }
  return status;
}
