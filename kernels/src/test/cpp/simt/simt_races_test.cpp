// That the emulator finds races, says where, and lets right kernels pass.
#include "defects.h"

int main(int argc, char** argv) {
    check::Cases cases(argc, argv);
    run_defects(cases);
    return cases.status();
}
