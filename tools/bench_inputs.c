/* Makes an input for tools/bench: bench_inputs FILE LAYERS SAMPLES FEATURES PLANE [GZIP_LEVEL CHUNK_SAMPLES]
 *
 * activations and grad_output, float32 [SAMPLES, FEATURES], or [SAMPLES, FEATURES, PLANE] unless PLANE is 1, roughly normal,
 * and gamma and beta [FEATURES]; in the root if there is one layer, else in groups layer-0, layer-1, ...
 * Contiguous; or, with a gzip level, in chunks of whole samples with shuffle, and then the values have the 8 significant bits of
 * bfloat16, as a network that computes in it dumps them. The same arguments give the same values. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 };

static void need(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "bench_inputs: %s failed\n", what);
  exit(74);
}

/* The sum of four uniform numbers of 16 bits, scaled to variance 1: one step of xorshift gives all four. */
static float next_value(uint64_t *state, float mean, float deviation, int coarse) {
  uint64_t bits = *state;
  bits ^= bits << 13;
  bits ^= bits >> 7;
  bits ^= bits << 17;
  *state = bits;
  bits *= 0x2545F4914F6CDD1DULL;
  const int32_t sum =
      (int32_t)(bits & 0xFFFF) + (int32_t)(bits >> 16 & 0xFFFF) + (int32_t)(bits >> 32 & 0xFFFF) + (int32_t)(bits >> 48);
  float value = mean + deviation * (float)(sum - 131070) * (1.0f / 37837.0f);
  if (coarse) {
    uint32_t pattern;
    memcpy(&pattern, &value, sizeof pattern);
    pattern &= 0xFFFF0000u;
    memcpy(&value, &pattern, sizeof pattern);
  }
  return value;
}

static void write_tensor(
    hid_t group, const char *name, hsize_t samples, hsize_t features, hsize_t plane, int level, hsize_t chunk, float mean,
    float deviation, uint64_t state) {
  const int rank = plane > 1 ? 3 : 2;
  const hsize_t shape[3] = {samples, features, plane}, row = features * plane;
  const hsize_t block_rows = samples < BLOCK ? samples : BLOCK;
  const hid_t space = H5Screate_simple(rank, shape, NULL);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  need(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER) >= 0, "H5Pset_fill_time");
  if (level > 0) {
    const hsize_t chunk_shape[3] = {chunk < samples ? chunk : samples, features, plane};
    need(H5Pset_chunk(creation, rank, chunk_shape) >= 0, "H5Pset_chunk");
    need(H5Pset_shuffle(creation) >= 0, "H5Pset_shuffle");
    need(H5Pset_deflate(creation, (unsigned)level) >= 0, "H5Pset_deflate");
  }
  const hid_t dataset = H5Dcreate2(group, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  need(dataset >= 0, "H5Dcreate2");
  float *block = malloc(block_rows * row * sizeof *block); /* [block_rows, features, plane] */
  need(block != NULL, "malloc");
  for (hsize_t first = 0; first < samples; first += block_rows) {
    const hsize_t count = samples - first < block_rows ? samples - first : block_rows;
    for (hsize_t i = 0; i < count * row; i++) block[i] = next_value(&state, mean, deviation, level > 0);
    const hsize_t start[3] = {first, 0, 0}, extent[3] = {count, features, plane};
    const hid_t memory = H5Screate_simple(rank, extent, NULL);
    need(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0, "H5Sselect_hyperslab");
    need(H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, block) >= 0, "H5Dwrite");
    H5Sclose(memory);
  }
  free(block);
  need(H5Dclose(dataset) >= 0, "H5Dclose");
  H5Pclose(creation);
  H5Sclose(space);
}

static void write_vector(hid_t group, const char *name, hsize_t features, float first, float step) {
  const hid_t space = H5Screate_simple(1, &features, NULL);
  const hid_t dataset =
      H5Dcreate2(group, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  float *values = malloc(features * sizeof *values); /* [features] */
  need(dataset >= 0 && values != NULL, "H5Dcreate2");
  for (hsize_t i = 0; i < features; i++) values[i] = first + step * (float)i / (float)features;
  need(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, "H5Dwrite");
  free(values);
  need(H5Dclose(dataset) >= 0, "H5Dclose");
  H5Sclose(space);
}

static void write_layer(
    hid_t group, hsize_t samples, hsize_t features, hsize_t plane, int level, hsize_t chunk, uint64_t number) {
  write_tensor(group, "activations", samples, features, plane, level, chunk, 0.5f, 1.0f, 88172645463325252ULL + number);
  write_tensor(group, "grad_output", samples, features, plane, level, chunk, 0.0f, 0.01f, 1181783497276652981ULL + number);
  write_vector(group, "gamma", features, 0.5f, 1.0f);
  write_vector(group, "beta", features, -0.5f, 1.0f);
}

int main(int argc, char **argv) {
  if (argc != 6 && argc != 8) {
    fprintf(stderr, "usage: bench_inputs FILE LAYERS SAMPLES FEATURES PLANE [GZIP_LEVEL CHUNK_SAMPLES]\n");
    return 64;
  }
  const uint64_t layers = strtoull(argv[2], NULL, 10);
  const hsize_t samples = strtoull(argv[3], NULL, 10), features = strtoull(argv[4], NULL, 10);
  const hsize_t plane = strtoull(argv[5], NULL, 10);
  const int level = argc == 8 ? atoi(argv[6]) : 0;
  const hsize_t chunk = argc == 8 ? strtoull(argv[7], NULL, 10) : 0;
  const hid_t file = H5Fcreate(argv[1], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  need(file >= 0, "H5Fcreate");
  if (layers == 1) write_layer(file, samples, features, plane, level, chunk, 0);
  for (uint64_t number = 0; layers > 1 && number < layers; number++) {
    char name[32];
    snprintf(name, sizeof name, "layer-%llu", (unsigned long long)number);
    const hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    need(group >= 0, "H5Gcreate2");
    write_layer(group, samples, features, plane, level, chunk, number);
    need(H5Gclose(group) >= 0, "H5Gclose");
  }
  need(H5Fclose(file) >= 0, "H5Fclose");
  return 0;
}
