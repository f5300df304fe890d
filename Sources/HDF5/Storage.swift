/// How a dataset's elements lie in the file.
public enum Storage: Hashable, Sendable {
  /// One run of bytes.
  ///
  /// `offset` is its first byte in the file, to be read with `pread`; nil if not allocated yet. In a file from outside
  /// it may point anywhere: compare with the file's size.
  case contiguous(offset: Int64?)
  /// Inside the object's header.
  case compact
  /// In chunks of one shape, each passed through filters.
  case chunked(ChunkLayout)
  /// In other files, named by this one.
  case external
  /// Pieced together from other datasets, perhaps of other files.
  case virtual
}

/// The chunks of a dataset.
public struct ChunkLayout: Hashable, Sendable {
  /// The lengths of a chunk along every axis of the dataset. A chunk at the edge has its full size in the file, too.
  public let shape: [Int]
  /// The filters, in the order in which they are applied in writing.
  public let filters: [Filter]
  /// Whether chunks at the edge that are only partly used skip the filters, which no filter mask tells.
  public let leavesPartialChunksUnfiltered: Bool
}

/// One step that chunks pass through on their way into the file.
public struct Filter: Hashable, Sendable {
  /// The number registered with The HDF Group.
  public let identifier: Int
  /// The name in common use, such as `gzip`; for an unknown filter the name in the file, or its number.
  public let name: String
  /// The numbers that the filter was set up with, such as the level of gzip.
  public let parameters: [UInt32]
  /// Whether the library can run it here.
  public let isAvailable: Bool
  /// Whether a chunk may have skipped it, which the chunk's filter mask tells.
  public let isOptional: Bool

  /// The names of the filters found in the wild.
  static let names: [Int: String] = [
    1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset",
    307: "bzip2", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle",
    32013: "zfp", 32015: "zstd", 32017: "sz", 32026: "blosc2",
  ]
}
