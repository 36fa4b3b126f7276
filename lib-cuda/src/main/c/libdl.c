// Stands for libdl.so.2 when linking, with the symbols' version that every glibc for x86-64 has: linked with that of a
// new machine, the library would run on no older one.
void dlopen(void) {}
void dlsym(void) {}
