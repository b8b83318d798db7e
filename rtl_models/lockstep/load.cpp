// Does a block that has been made begin at all? load LIBRARY CONFIG: RTL that refuses its parameters says why; status 1.
#include <cstdio>
#include <dlfcn.h>

extern "C" {
#include "engine/block.h"
}

int main(int argc, char **argv)
{
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    auto *ops = library ? static_cast<const struct block_ops *>(dlsym(library, "espnic_block")) : nullptr;
    char error[512];

    if (!ops) {
        std::fprintf(stderr, "%s\n", argc == 3 ? dlerror() : "usage: load LIBRARY CONFIG");
        return 1;
    }
    void *block = ops->create(argv[2], error, sizeof error);
    if (!block) {
        std::fprintf(stderr, "%s: %s\n", ops->name, error);
        return 1;
    }
    ops->destroy(block);
    return 0;
}
