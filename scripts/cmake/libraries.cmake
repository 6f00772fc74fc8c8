# Every folder of src/ is one library, mm::<folder>, that links the folders below it and nothing else:
# an include that points up fails to link, and scripts/check_layers.sh names it.

add_library(mm_flags INTERFACE)
target_include_directories(mm_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
# GCC 12 takes `"text" + std::string` for an overlapping copy: those two warnings never are errors.
target_compile_options(mm_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Winvalid-pch>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${MM_WERROR}>>:-Werror -Wno-error=restrict -Wno-error=stringop-overflow>)
if(MM_SANITIZE)
  target_compile_options(mm_flags INTERFACE
    -fsanitize=${MM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(mm_flags INTERFACE -fsanitize=${MM_SANITIZE})
endif()

if(TARGET mm::libtorch)
  # One precompiled header for every target that sees LibTorch. It has what most files need and no more: each of them
  # pays for its size, and <torch/types.h> alone makes an empty file cost 3 s.
  add_library(mm_torch_pch STATIC ${CMAKE_SOURCE_DIR}/scripts/cmake/torch_pch.cpp)
  target_link_libraries(mm_torch_pch PUBLIC mm_flags mm::libtorch)
  target_precompile_headers(mm_torch_pch PRIVATE
    <ATen/core/Tensor.h> <ATen/TensorOperators.h> <ATen/ops/empty.h>
    <algorithm> <functional> <map> <memory> <optional> <string> <vector>)
endif()

# mm_torch(<target>): <target> includes LibTorch headers.
function(mm_torch target)
  target_link_libraries(${target} PUBLIC mm::libtorch)
  target_precompile_headers(${target} REUSE_FROM mm_torch_pch)
endfunction()

# mm_library(<folder> [TORCH] SOURCES <files> [PLAIN <files>] [DEPENDS <targets>])
# PLAIN: sources of a TORCH library that see no LibTorch header. Their commands do not name LibTorch either, so that the
# compiler cache has them for the CPU and the CUDA build alike. A build without LibTorch has them alone.
function(mm_library name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;PLAIN;DEPENDS" ${ARGN})
  if(ARG_TORCH AND NOT TARGET mm::libtorch)
    set(ARG_TORCH FALSE)
    set(ARG_SOURCES "")
    if(NOT ARG_PLAIN)
      return()
    endif()
  endif()
  if(ARG_PLAIN)
    add_library(mm_${name}_plain OBJECT ${ARG_PLAIN})
    target_link_libraries(mm_${name}_plain PRIVATE mm_flags)
    set_target_properties(mm_${name}_plain PROPERTIES UNITY_BUILD ${MM_UNITY})
    list(APPEND ARG_SOURCES $<TARGET_OBJECTS:mm_${name}_plain>)
  endif()
  add_library(mm_${name} STATIC ${ARG_SOURCES})
  add_library(mm::${name} ALIAS mm_${name})
  target_link_libraries(mm_${name} PUBLIC mm_flags ${ARG_DEPENDS})
  set_target_properties(mm_${name} PROPERTIES UNITY_BUILD ${MM_UNITY})
  if(ARG_TORCH)
    mm_torch(mm_${name})
  endif()
endfunction()
