// SPDX-License-Identifier: Apache-2.0
#pragma once

// Gathers from the interpreter what lib/wsgi/import_diagnosis.h judges by. Only for imports that have failed.

#include "python/cpython.h"

#include <string>

#include "python/attach.h"
#include "python/ref.h"
#include "wsgi/interpreter_rules.h"

namespace python {

// A phrase that goes on from "script X" and says why an import failed and what to do; empty for an exception that is
// no ImportError and for one whose cause is not known. Leaves no exception pending.
std::string diagnose_import(Attached& attached, Borrowed exception, wsgi::Lock lock);

}  // namespace python
