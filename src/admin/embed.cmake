# cmake -DWEB=<folder> -DOUT=<file> -P embed.cmake: the pages of web/ as C++ string constants.
# A byte array would be several times slower to compile than a raw string.
set(text "// Written by embed.cmake.\n#include \"admin/pages_data.h\"\n\nnamespace nunc {\n")
foreach(name IN ITEMS Index Demo)
  string(TOLOWER ${name} file)
  file(READ "${WEB}/${file}.html" html)
  string(FIND "${html}" ")page\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${file}.html holds the text that ends a page here: )page\"")
  endif()
  string(APPEND text "\nconst std::string_view k${name}Html = R\"page(${html})page\";\n")
endforeach()
file(WRITE "${OUT}" "${text}\n}  // namespace nunc\n")
