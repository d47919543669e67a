#ifndef TURNUP_CLIBPQ_SHIM_H
#define TURNUP_CLIBPQ_SHIM_H

#include <libpq-fe.h>

#ifndef LIBPQ_HAS_PIPELINING
#error "libpq 14 or newer is needed (pipeline mode)"
#endif

#endif
