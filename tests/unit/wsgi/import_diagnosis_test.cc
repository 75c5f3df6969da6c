// SPDX-License-Identifier: Apache-2.0
#include "wsgi/import_diagnosis.h"

#include <CppUTest/TestHarness.h>

using wsgi::ImportFailure;
using wsgi::ImportSurroundings;

TEST_GROUP(ImportDiagnosis) {
  ImportFailure failure;
  ImportSurroundings around{
      "3.11", false, "['/srv/app']", {"/srv/app", "/usr/lib/python3.11"}, {}, wsgi::Lock::kShared};

  std::string says() { return wsgi::diagnose(failure, around); }
  void refused(const char* text) { failure = {text, "", "shop.orders", false}; }
};

TEST(ImportDiagnosis, NamesTheExtensionThatCPythonRefuses) {
  refused("something else\nmodule numpy.core._multiarray_umath does not support loading in subinterpreters\n");
  STRCMP_EQUAL(
      "needs extension module numpy.core._multiarray_umath, which refuses sub-interpreters; run it in the main "
      "interpreter: application-group=%{GLOBAL} in WSGIScriptAlias, or WSGIApplicationGroup %{GLOBAL}",
      says().c_str());
}

TEST(ImportDiagnosis, NamesTheImporterWhereTheExtensionDoesNotNameItself) {
  for (const char* text : {"PyO3 modules do not yet support subinterpreters, see https://github.com/PyO3",
                           "PyO3 modules may only be initialized once per interpreter process",
                           "Interpreter change detected - this module can only be loaded into one interpreter per "
                           "process.",
                           "cannot load module more than once per process"}) {
    refused(text);
    STRCMP_CONTAINS("needs an extension module that shop.orders imports, which refuses sub-interpreters",
                    says().c_str());
  }
}

TEST(ImportDiagnosis, WithoutAnImporterTheStatementTells) {
  refused("Interpreter change detected - this module can only be loaded into one interpreter per process.");
  failure.importer = "";
  failure.statement = "from lxml import etree";
  STRCMP_CONTAINS("needs the extension module of \"from lxml import etree\", which refuses", says().c_str());
}

TEST(ImportDiagnosis, TheNameOfTheErrorCounts) {
  refused("cannot load module more than once per process");
  failure.module = "numpy._core";
  STRCMP_CONTAINS("needs extension module numpy._core, which", says().c_str());
}

TEST(ImportDiagnosis, InTheMainInterpreterAnotherOneWasFirst) {
  refused("cannot load module more than once per process");
  around.in_main_interpreter = true;
  STRCMP_CONTAINS("another interpreter of this process has loaded", says().c_str());
}

TEST(ImportDiagnosis, WhereALockForEachInterpreterIsTheCauseItsDirectiveIsNamed) {
  refused("module _ctypes does not support loading in subinterpreters");
  around.lock = wsgi::Lock::kOfPool;
  STRCMP_EQUAL(
      "needs extension module _ctypes, which does not allow several interpreters with a lock each in one process; "
      "install a version of it that does, or remove interpreters= of WSGIDaemonProcess and use processes= instead",
      says().c_str());
  around.lock = wsgi::Lock::kOwn;
  STRCMP_CONTAINS("set WSGIPerInterpreterGIL Off", says().c_str());
}

TEST(ImportDiagnosis, AMissingModuleTellsTheSearchPath) {
  failure = {"No module named 'flask'", "flask", "", true};
  STRCMP_EQUAL(
      "needs a module that is not on sys.path, which is ['/srv/app']; install it in this Python's environment or add "
      "its directory with python-path",
      says().c_str());
}

TEST(ImportDiagnosis, ASearchPathOfAnotherPythonIsTheCause) {
  failure = {"No module named '_cffi_backend'", "_cffi_backend", "", true};
  around.path.push_back("/srv/venv/lib/python3.12/site-packages");
  STRCMP_CONTAINS(
      "; that has /srv/venv/lib/python3.12/site-packages, which is of Python 3.12, but Python 3.11 runs it; ",
      says().c_str());
  STRCMP_CONTAINS("python=3.12", says().c_str());
}

TEST(ImportDiagnosis, AModuleThatIsThereForAnotherPythonIsTheCause) {
  failure = {"No module named 'flask'", "flask", "", true};
  around.found_outside = {"/srv/venv/lib/python3.13/site-packages"};
  STRCMP_CONTAINS("; it is in /srv/venv/lib/python3.13/site-packages, which is of Python 3.13", says().c_str());
}

TEST(ImportDiagnosis, AnExtensionOfAnotherBuildIsTold) {
  failure = {"/x/_a.so: undefined symbol: _PyUnicode_Ready", "", "", false};
  STRCMP_CONTAINS("was built for another Python than 3.11", says().c_str());
  around.path.push_back("/srv/venv/lib/python3.10/site-packages");
  STRCMP_CONTAINS("sys.path has /srv/venv/lib/python3.10/site-packages, which is of Python 3.10", says().c_str());
}

TEST(ImportDiagnosis, AnImportErrorOfTheApplicationIsItsOwn) {
  failure = {"cannot import name 'x' from 'y'", "y", "", false};
  STRCMP_EQUAL("", says().c_str());
}

TEST(ImportDiagnosis, AVersionIsReadFromAPath) {
  STRCMP_EQUAL("3.12", wsgi::version_in_path("/v/lib/python3.12/site-packages").c_str());
  STRCMP_EQUAL("3.9", wsgi::version_in_path("/v/lib/python3.9").c_str());
  STRCMP_EQUAL("3.13t", wsgi::version_in_path("/v/lib/python3.13t/site-packages").c_str());
  for (const char* path : {"/usr/lib/python3/dist-packages", "/v/python3.", "", "/srv/app"})
    STRCMP_EQUAL("", wsgi::version_in_path(path).c_str());
}
