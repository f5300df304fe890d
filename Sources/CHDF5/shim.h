// What Swift cannot import from hdf5.h: macros that hide a function call or a cast, global identifiers
// (mutable variables to Swift's concurrency checks), and functions whose names are macros in later releases.
#pragma once

// From 1.12 on `H5Literate` and the info structures are macros; this keeps the signatures of 1.10.
#define H5_USE_110_API
#include <hdf5.h>

// MARK: Constants

static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_whole_space(void) { return H5S_ALL; }
static inline haddr_t chdf5_undefined_address(void) { return HADDR_UNDEF; }

static inline size_t chdf5_variable_size(void) { return H5T_VARIABLE; }
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned chdf5_exclusive(void) { return H5F_ACC_EXCL; }

static inline hid_t chdf5_file_creation(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_group_creation(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_dataset_creation(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_dataset_access(void) { return H5P_DATASET_ACCESS; }
static inline hid_t chdf5_link_creation(void) { return H5P_LINK_CREATE; }

// MARK: Predefined types, one per size, sign and byte order

static inline hid_t chdf5_integer_type(int bytes, int is_signed, int is_big_endian) {
  switch (bytes) {
  case 1:
    return is_signed ? (is_big_endian ? H5T_STD_I8BE : H5T_STD_I8LE)
                     : (is_big_endian ? H5T_STD_U8BE : H5T_STD_U8LE);
  case 2:
    return is_signed ? (is_big_endian ? H5T_STD_I16BE : H5T_STD_I16LE)
                     : (is_big_endian ? H5T_STD_U16BE : H5T_STD_U16LE);
  case 4:
    return is_signed ? (is_big_endian ? H5T_STD_I32BE : H5T_STD_I32LE)
                     : (is_big_endian ? H5T_STD_U32BE : H5T_STD_U32LE);
  default:
    return is_signed ? (is_big_endian ? H5T_STD_I64BE : H5T_STD_I64LE)
                     : (is_big_endian ? H5T_STD_U64BE : H5T_STD_U64LE);
  }
}

static inline hid_t chdf5_float_type(int bytes, int is_big_endian) {
  if (bytes == 8) return is_big_endian ? H5T_IEEE_F64BE : H5T_IEEE_F64LE;
  return is_big_endian ? H5T_IEEE_F32BE : H5T_IEEE_F32LE;
}

static inline hid_t chdf5_bit_field_type(int bytes) {
  switch (bytes) {
  case 1: return H5T_NATIVE_B8;
  case 2: return H5T_NATIVE_B16;
  case 4: return H5T_NATIVE_B32;
  default: return H5T_NATIVE_B64;
  }
}

static inline hid_t chdf5_c_string_type(void) { return H5T_C_S1; }

// MARK: Error stack

// Stops the library from printing errors. Its printer is set per thread, hence the flag per thread.
static inline void chdf5_silence_errors(void) {
  static _Thread_local char is_silenced = 0;
  if (is_silenced) return;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  is_silenced = 1;
}

// MARK: Objects and links

// Which object this is: two handles of one object have equal numbers, however its links are called.
typedef struct chdf5_object {
  unsigned long file_number;
  haddr_t address;
  H5O_type_t type;
} chdf5_object;

static inline herr_t chdf5_object_info(hid_t object, chdf5_object *result) {
  H5O_info_t info;
  herr_t code = H5Oget_info2(object, &info, H5O_INFO_BASIC);
  if (code < 0) return code;
  *result = (chdf5_object){.file_number = info.fileno, .address = info.addr, .type = info.type};
  return code;
}

// How many attributes an object has.
static inline herr_t chdf5_attribute_count(hid_t object, hsize_t *result) {
  H5O_info_t info;
  herr_t code = H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS);
  if (code >= 0) *result = info.num_attrs;
  return code;
}

static inline herr_t chdf5_object_info_by_name(hid_t group, const char *name, chdf5_object *result) {
  H5O_info_t info;
  herr_t code = H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT);
  if (code < 0) return code;
  *result = (chdf5_object){.file_number = info.fileno, .address = info.addr, .type = info.type};
  return code;
}

static inline herr_t chdf5_link_type(hid_t group, const char *name, H5L_type_t *type) {
  H5L_info_t info;
  herr_t code = H5Lget_info(group, name, &info, H5P_DEFAULT);
  if (code >= 0) *type = info.type;
  return code;
}

// How many bytes the value of a soft or external link has.
static inline herr_t chdf5_link_value_size(hid_t group, const char *name, size_t *size) {
  H5L_info_t info;
  herr_t code = H5Lget_info(group, name, &info, H5P_DEFAULT);
  if (code >= 0) *size = info.u.val_size;
  return code;
}

// Returns 0 to go on, and a negative number to end with an error.
typedef int (*chdf5_link_visitor)(const char *name, H5L_type_t type, void *context);

typedef struct chdf5_link_visit {
  chdf5_link_visitor visitor;
  void *context;
} chdf5_link_visit;

static inline herr_t chdf5_visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  (void)group;
  const chdf5_link_visit *visit = (const chdf5_link_visit *)data;
  return visit->visitor(name, info->type, visit->context);
}

// Calls the visitor for every link of the group, in the order of the file.
static inline herr_t chdf5_each_link(hid_t group, chdf5_link_visitor visitor, void *context) {
  chdf5_link_visit visit = {visitor, context};
  return H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, chdf5_visit_link, &visit);
}

/* The library's cache of metadata may grow to `bytes` and no further: as a rule it takes up to 32 MiB for each open file, and
   some times as much of memory. */
static inline herr_t chdf5_limit_metadata_cache(hid_t access, size_t bytes) {
  H5AC_cache_config_t config;
  config.version = H5AC__CURR_CACHE_CONFIG_VERSION;
  herr_t result = H5Pget_mdc_config(access, &config);
  if (result < 0) return result;
  config.max_size = bytes;
  if (config.initial_size > bytes) config.initial_size = bytes;
  if (config.min_size > bytes) config.min_size = bytes;
  return H5Pset_mdc_config(access, &config);
}
