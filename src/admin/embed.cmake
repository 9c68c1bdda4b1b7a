# cmake -DWEB=<folder> -DOUT=<file> -P embed.cmake: the pages of web/ as C++ string constants.
# A byte array would be several times slower to compile than a raw string.
set(text "// Written by embed.cmake.\n#include \"admin/pages_data.h\"\n\nnamespace nunc {\n")
foreach(name IN ITEMS IndexHtml DemoHtml OpenapiJson)
  string(REGEX REPLACE "(Html|Json)$" ".\\1" file ${name})
  string(TOLOWER ${file} file)
  file(READ "${WEB}/${file}" html)
  string(FIND "${html}" ")page\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${file} holds the text that ends a page here: )page\"")
  endif()
  string(APPEND text "\nconst std::string_view k${name} = R\"page(${html})page\";\n")
endforeach()
file(WRITE "${OUT}" "${text}\n}  // namespace nunc\n")
