// By LLVM's readers and writers of archives and object files.
#include "codegen/archive.h"

#include <llvm/Object/Archive.h>
#include <llvm/Object/ArchiveWriter.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/TargetParser/Triple.h>

#include "codegen/llvm/target.h"

namespace descent::codegen {
namespace {

llvm::StringRef view(std::string_view text) { return {text.data(), text.size()}; }

Diagnostic unreadable(const std::string& name, llvm::Error error) {
  return {"unreadable-runtime",
          {},
          "expected a library or an object file, found '" + name + "': " + llvm::toString(std::move(error)),
          {}};
}

Diagnostics check_member(const ArchiveMember& member, const std::string& name, std::string_view triple) {
  auto object = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(view(member.bytes), member.name));
  if (!object) return {unreadable(name, object.takeError())};
  const llvm::Triple found = (*object)->makeTriple(), wanted(view(triple));
  if (found.getArch() == wanted.getArch()) return {};
  return {{"foreign-runtime",
           {},
           "expected code for " + wanted.getArchName().str() + ", found code for " + found.getArchName().str() +
               " in '" + name + "'",
           {}}};
}

}  // namespace

std::string archive_of(const std::vector<ArchiveMember>& members) {
  initialize_targets();
  std::vector<llvm::NewArchiveMember> all;
  for (const ArchiveMember& member : members) {
    all.emplace_back(llvm::MemoryBufferRef(view(member.bytes), member.name));
  }
  auto written = llvm::writeArchiveToBuffer(all, llvm::SymtabWritingMode::NormalSymtab, llvm::object::Archive::K_GNU,
                                            /*Deterministic=*/true, /*Thin=*/false);
  DESCENT_CHECK(static_cast<bool>(written), "no archive: " + llvm::toString(written.takeError()));
  return (*written)->getBuffer().str();
}

Result<std::vector<ArchiveMember>> members_of(std::string_view bytes, const std::string& name,
                                              std::string_view triple) {
  std::vector<ArchiveMember> members;
  if (!bytes.starts_with("!<arch>\n")) {
    members.push_back({"descent_runtime.o", std::string(bytes)});
  } else {
    auto archive = llvm::object::Archive::create(llvm::MemoryBufferRef(view(bytes), name));
    if (!archive) return unreadable(name, archive.takeError());
    llvm::Error error = llvm::Error::success();
    for (const llvm::object::Archive::Child& child : (*archive)->children(error)) {
      auto child_name = child.getName();
      auto child_bytes = child.getBuffer();
      if (!child_name) return unreadable(name, child_name.takeError());
      if (!child_bytes) return unreadable(name, child_bytes.takeError());
      members.push_back({child_name->str(), child_bytes->str()});
    }
    if (error) return unreadable(name, std::move(error));
  }
  for (const ArchiveMember& member : members) {
    if (Diagnostics wrong = check_member(member, name, triple); !wrong.empty()) return wrong;
  }
  return members;
}

bool links_with(std::string_view triple, std::string_view other) {
  const llvm::Triple a(llvm::Triple::normalize(view(triple))), b(llvm::Triple::normalize(view(other)));
  return a.getArch() == b.getArch() && (a.getOS() == b.getOS() || a.getOS() == llvm::Triple::UnknownOS);
}

}  // namespace descent::codegen
