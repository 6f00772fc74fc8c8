# mm::libtorch: LibTorch's headers and libraries; with MM_CUDA also the CUDA language, compiled by the matching nvcc.
#
# The target is our own, not one of the wheel's TorchConfig: a CPU program needs two of its libraries, and TorchConfig
# asks for many more, and for a whole CUDA toolkit where the wheel is a CUDA build.

set(MM_TORCH_ROOT "" CACHE PATH "Folder of LibTorch; empty: the one that scripts/setup.sh finds")
set(MM_CUDA_ARCHITECTURES "80-real;86-real;89-real;90a-real;90-virtual" CACHE STRING
  "GPU architectures that the CUDA kernels are compiled for: images, and PTX for those that come later")

# The rule by which LibTorch is found is written once, in scripts/setup.sh; it is told what CMake was told.
set(torch_dir "$ENV{Torch_DIR}")
if(MM_TORCH_ROOT)
  set(torch_dir "${MM_TORCH_ROOT}")
elseif(Torch_DIR)
  set(torch_dir "${Torch_DIR}")
endif()
set(device --cpu)
if(MM_CUDA)
  set(device --cuda)
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env "Torch_DIR=${torch_dir}"
    "CMAKE_PREFIX_PATH=${CMAKE_PREFIX_PATH};$ENV{CMAKE_PREFIX_PATH}"
    bash ${CMAKE_SOURCE_DIR}/scripts/setup.sh --print ${device}
  OUTPUT_VARIABLE found ERROR_VARIABLE problem RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
if(failed)
  message(FATAL_ERROR "${problem}")
endif()
string(REPLACE "\n" ";" found "${found}")
list(GET found 0 torch_root)
foreach(part MAJOR MINOR PATCH)
  file(STRINGS ${torch_root}/include/torch/headeronly/version.h line REGEX "define TORCH_VERSION_${part} ")
  string(REGEX MATCH "[0-9]+" number "${line}")
  list(APPEND version ${number})
endforeach()
list(JOIN version . MM_LIBTORCH_VERSION)
message(STATUS "LibTorch ${MM_LIBTORCH_VERSION}: ${torch_root}")

add_library(mm_libtorch INTERFACE)
add_library(mm::libtorch ALIAS mm_libtorch)
target_include_directories(mm_libtorch SYSTEM INTERFACE
  ${torch_root}/include ${torch_root}/include/torch/csrc/api/include)
target_link_libraries(mm_libtorch INTERFACE ${torch_root}/lib/libtorch_cpu.so ${torch_root}/lib/libc10.so)
if(EXISTS ${torch_root}/lib/libgomp.so.1)
  # One OpenMP runtime in the process: FindOpenMP is given LibTorch's.
  set(OpenMP_gomp_LIBRARY ${torch_root}/lib/libgomp.so.1)
endif()

if(MM_CUDA)
  list(GET found 1 CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_ARCHITECTURES ${MM_CUDA_ARCHITECTURES})
  # And one CUDA runtime.
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    # CMake 3.25 does not know that nvcc compiles C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  endif()
  find_package(CUDAToolkit REQUIRED)

  # A toolkit may be a bare compiler; the wheel then has the headers of cuBLAS and its kin, which LibTorch's include.
  file(GLOB library_headers ${torch_root}/../nvidia/cu${CUDAToolkit_VERSION_MAJOR}/include)
  target_include_directories(mm_libtorch SYSTEM INTERFACE ${library_headers})
  find_path(MM_NCCL_HEADERS nccl.h HINTS ${torch_root}/../nvidia/nccl/include REQUIRED)
  target_compile_definitions(mm_libtorch INTERFACE MM_CUDA=1)
  target_link_libraries(mm_libtorch INTERFACE
    ${torch_root}/lib/libtorch.so ${torch_root}/lib/libtorch_cuda.so ${torch_root}/lib/libc10_cuda.so CUDA::cudart)
  # LibTorch registers its CUDA kernels when its library is loaded, whether or not a symbol of it is named.
  target_link_options(mm_libtorch INTERFACE "LINKER:--no-as-needed")
endif()
