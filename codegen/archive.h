// Static libraries: object files in one file, with a table of their symbols.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/diagnostics.h"

namespace descent::codegen {

struct ArchiveMember {
  std::string name, bytes;
};
// Equal members give equal bytes.
std::string archive_of(const std::vector<ArchiveMember>& members);
// What an archive holds, or an object file as the one member; all for this kind of processor ("x86_64"), else a
// diagnostic that says where it was found.
Result<std::vector<ArchiveMember>> members_of(std::string_view bytes, const std::string& name, std::string_view triple);
// Whether code for the two targets links: "x86_64-pc-linux-gnu" and "x86_64-linux-gnu" do.
bool links_with(std::string_view triple, std::string_view other);

}  // namespace descent::codegen
