# What every room, test and fuzz target is made with. Compiler flags live in one place: the
# INTERFACE target nunc_flags below.

option(NUNC_WERROR "Treat compiler warnings as errors" ON)
option(NUNC_FUZZ "Link the fuzz targets with libFuzzer (clang only)" OFF)
set(NUNC_SANITIZE "" CACHE STRING "Value for -fsanitize, for example address,undefined")

add_library(nunc_flags INTERFACE)
target_include_directories(nunc_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(nunc_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_compile_options(nunc_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${NUNC_WERROR}>:-Werror>
  # Lines and function names are enough for a stack trace; full debug data costs build time.
  $<$<CONFIG:RelWithDebInfo>:-g1>
  # In a unit of several sources a type of one source's own looks like one from a header.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
if(NUNC_SANITIZE)
  target_compile_options(nunc_flags INTERFACE
    -fsanitize=${NUNC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1)
  target_link_options(nunc_flags INTERFACE -fsanitize=${NUNC_SANITIZE})
else()
  # As quick to compile as -O0, and the simulator runs five times as many seeds.
  target_compile_options(nunc_flags INTERFACE $<$<CONFIG:Debug>:-Og>)
endif()

# nunc_library(<room> SOURCES a.cpp ... [DEPENDS <room> ...] [LINK <target> ...])
# The static library nunc_<room>. A room without sources (interfaces only) has no archive.
function(nunc_library room)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;DEPENDS;LINK")
  nunc_refuse_unparsed(nunc_library ${room})
  list(TRANSFORM ARG_DEPENDS PREPEND nunc_)
  if(ARG_SOURCES)
    add_library(nunc_${room} STATIC ${ARG_SOURCES})
    target_link_libraries(nunc_${room} PUBLIC nunc_flags ${ARG_DEPENDS} PRIVATE ${ARG_LINK})
  else()
    add_library(nunc_${room} INTERFACE)
    target_link_libraries(nunc_${room} INTERFACE nunc_flags ${ARG_DEPENDS} ${ARG_LINK})
  endif()
endfunction()

# nunc_binary(<name> SOURCES main.cpp ... [DEPENDS <room> ...] [LINK <target> ...])
# An executable at the top of the build folder.
function(nunc_binary name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;DEPENDS;LINK")
  nunc_refuse_unparsed(nunc_binary ${name})
  list(TRANSFORM ARG_DEPENDS PREPEND nunc_)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE nunc_flags ${ARG_DEPENDS} ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endfunction()

# nunc_test(<name> SOURCES a_test.cpp ... [DEPENDS <room> ...] [LINK <target> ...])
# One GoogleTest executable <name>_test; each of its cases is a ctest case, with a sanitizer the
# whole of it is one.
function(nunc_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;DEPENDS;LINK")
  nunc_refuse_unparsed(nunc_test ${name})
  # The fuzz preset is for the fuzz targets alone.
  if(NUNC_FUZZ OR NOT NUNC_TESTS)
    return()
  endif()
  list(TRANSFORM ARG_DEPENDS PREPEND nunc_)
  add_executable(${name}_test ${ARG_SOURCES})
  target_compile_definitions(${name}_test PRIVATE NUNC_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name}_test
    PRIVATE nunc_flags ${ARG_DEPENDS} ${ARG_LINK} GTest::gtest GTest::gtest_main)
  if(NUNC_SANITIZE)
    # To start the program takes a sanitizer longer than most cases take.
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  else()
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# nunc_fuzz(<name> SOURCES x_fuzz.cpp [DEPENDS <room> ...] [LINK <target> ...])
# <name>_fuzz: a libFuzzer executable in the fuzz preset; in every other preset an executable that
# replays the kept corpus. Either way ctest replays tests/fuzz/corpus/<name>.
function(nunc_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;DEPENDS;LINK")
  nunc_refuse_unparsed(nunc_fuzz ${name})
  list(TRANSFORM ARG_DEPENDS PREPEND nunc_)
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE nunc_flags ${ARG_DEPENDS} ${ARG_LINK})
  # Replaying the corpus with the engine itself would accept an empty folder, so the same replay
  # program runs in every preset; the engine is linked beside it only where there is one.
  if(NUNC_FUZZ)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    set(replay ${name}_replay)
    add_executable(${replay} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    target_link_libraries(${replay} PRIVATE nunc_flags ${ARG_DEPENDS} ${ARG_LINK})
    add_dependencies(fuzzers ${name}_fuzz ${replay})
  else()
    set(replay ${name}_fuzz)
    target_sources(${replay} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
  endif()
  add_test(NAME fuzz_corpus.${name} COMMAND ${replay} ${corpus})
  set_tests_properties(fuzz_corpus.${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
endfunction()

# nunc_e2e(<name> SCRIPT tests/e2e/x.test.mjs [AT secondary] [PLAIN]): a node test against the built
# binary, whose path the script reads from NUNC_BINARY. SCRIPT is relative to the repository. AT:
# where the clients are, in a cluster; without it they are at a single server. PLAIN: with a
# sanitizer it would take its time and run little that others do not; NUNC_EVERY_SUITE has it there.
option(NUNC_EVERY_SUITE "Every end-to-end suite, with a sanitizer too" OFF)
function(nunc_e2e name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "PLAIN" "SCRIPT;AT" "")
  nunc_refuse_unparsed(nunc_e2e ${name})
  if(ARG_PLAIN AND NUNC_SANITIZE AND NOT NUNC_EVERY_SUITE)
    return()
  endif()
  add_test(NAME e2e.${name}
    COMMAND ${NUNC_NODE} --test ${PROJECT_SOURCE_DIR}/${ARG_SCRIPT}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/e2e)
  set_tests_properties(e2e.${name} PROPERTIES
    ENVIRONMENT "NUNC_BINARY=$<TARGET_FILE:nunc>;NUNC_E2E_AT=${ARG_AT}" LABELS e2e TIMEOUT 900
    # These take longest, so they start first.
    COST 100)
endfunction()

# nunc_script_test(<name> COMMAND ...): a ctest case for one of the repository's own checks.
function(nunc_script_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "COMMAND")
  nunc_refuse_unparsed(nunc_script_test ${name})
  add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS house)
endfunction()

# A misspelt keyword must not be swallowed in silence.
macro(nunc_refuse_unparsed function name)
  if(ARG_UNPARSED_ARGUMENTS OR ARG_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "${function}(${name}): cannot use "
      "'${ARG_UNPARSED_ARGUMENTS}${ARG_KEYWORDS_MISSING_VALUES}'")
  endif()
endmacro()
