# libsndfile as SndFile::sndfile, for this tree and for whoever finds the installed package: Debian's brings no CMake
# configuration of its own.
if(NOT TARGET SndFile::sndfile)
  find_path(SNDFILE_HEADERS sndfile.h REQUIRED)
  find_library(SNDFILE_LIBRARY sndfile REQUIRED)
  mark_as_advanced(SNDFILE_HEADERS SNDFILE_LIBRARY)
  add_library(SndFile::sndfile UNKNOWN IMPORTED)
  set_target_properties(SndFile::sndfile PROPERTIES IMPORTED_LOCATION "${SNDFILE_LIBRARY}"
                                                    INTERFACE_INCLUDE_DIRECTORIES "${SNDFILE_HEADERS}")
endif()
