// The program mbrl: nothing but what comes with the library.
#include "mbrl/cli.hpp"

int main(int argc, char** argv) { return mbrl::cli_main(argc, argv); }
