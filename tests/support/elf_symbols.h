// The symbols of an object file (ELF, 64 bits, little end first) of any processor.
#pragma once

#include <elf.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace descent::test {

// What the object file wants from others.
inline std::set<std::string> undefined_symbols(const std::string& object) {
  const auto at = [&](std::size_t offset, auto& to) {
    if (offset + sizeof to <= object.size()) std::memcpy(&to, object.data() + offset, sizeof to);
  };
  Elf64_Ehdr header{};
  at(0, header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  for (std::size_t i = 0; i < sections.size(); ++i) at(header.e_shoff + i * sizeof(Elf64_Shdr), sections[i]);
  std::set<std::string> names;
  for (const Elf64_Shdr& table : sections) {
    if (table.sh_type != SHT_SYMTAB) continue;
    for (std::size_t place = 0; place < table.sh_size; place += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol{};
      at(table.sh_offset + place, symbol);
      const char* name = object.c_str() + sections[table.sh_link].sh_offset + symbol.st_name;
      if (symbol.st_shndx == SHN_UNDEF && *name != '\0') names.insert(name);
    }
  }
  return names;
}

}  // namespace descent::test
