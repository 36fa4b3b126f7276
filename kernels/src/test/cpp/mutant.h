// Whether the place of this number in a rewritten kernel is to be left out: the environment's KERNEL_MUTANT says which
// is.
#pragma once

bool mutant(int place);
