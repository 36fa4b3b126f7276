// The products of a warp with what a processor has for them; for the files of the emulator only.
#pragma once

namespace simt {

struct Fiber;

// Whether multiply_fast() works on this processor: x86-64 with AVX2, FMA and F16C.
bool has_fast_products();
// The same bits as the plain products.
void multiply_fast(Fiber* lanes);
// For the test that compares the two.
extern bool plain_products;

}  // namespace simt
