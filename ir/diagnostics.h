// Diagnostics belong to what users of the library see, so their header lies under its include root.
#pragma once

#include "descent/diagnostics.h"
