import CHDF5
import ChunkCodec

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

  /// What compresses within the filter, by its parameters, where it has a choice, as `lz4` within bitshuffle; nil where it has none, or chose none.
  public var compressor: String? {
    func chosen(_ index: Int, _ names: [UInt32: String]) -> String? {
      parameters.count > index ? names[parameters[index]] : nil
    }
    switch identifier {
    case 32001, 32026:
      return chosen(
        6, Dictionary(uniqueKeysWithValues: Compression.bloscCodecs.enumerated().map { (UInt32($0), $1) }))
    case 32008: return chosen(4, [2: "lz4", 3: "zstd"])
    default: return nil
    }
  }

  /// The names of the filters found in the wild.
  static let names: [Int: String] = [
    1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset",
    307: "bzip2", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle",
    32013: "zfp", 32015: "zstd", 32017: "sz", 32026: "blosc2",
  ]
}

/// How a new dataset's elements are to lie in the file.
public enum StorageRequest: Hashable, Sendable {
  /// One run of bytes, allocated at once and never filled: what is not written reads as whatever the file holds there.
  ///
  /// After ``File/flush()`` the dataset's ``Dataset/storage`` gives its offset, unless it has no elements.
  case contiguous
  /// Chunks of `shape`, which has the dataset's rank and is nowhere longer than the dataset, passed through `filters`
  /// in their order. What is not written reads as zero.
  case chunked(shape: [Int], filters: [FilterRequest])
}

/// A filter for a new dataset.
public enum FilterRequest: Hashable, Sendable {
  /// Sorts the bytes by their significance, which helps compression.
  case shuffle
  /// Compresses with zlib at a level from 0 to 9.
  case deflate(level: Int)
  /// Adds a checksum of four bytes.
  case fletcher32
  /// One that the library has not itself, by the number registered with The HDF Group.
  case registered(Int, parameters: [UInt32])

  /// As the library is told of a filter that chunks are encoded with; nil for one that is only decoded.
  public init?(_ filter: ChunkFilter) {
    switch filter {
    case .shuffle: self = .shuffle
    case .deflate(let level): self = .deflate(level: level)
    case .fletcher32: self = .fletcher32
    case .bitshuffle, .compression:
      guard let (identifier, parameters) = filter.registration else { return nil }
      self = .registered(identifier, parameters: parameters)
    }
  }
}

/// The part of ``Storage`` that never changes, read once on opening.
enum Layout: Sendable {
  case contiguous, compact, external, virtual
  case chunked(ChunkLayout)

  /// Reads the layout from a dataset's creation properties.
  init(_ properties: Handle, to attempt: @autoclosure () -> String) throws(HDF5Error) {
    let identifier = properties.identifier
    let layout = try call("H5Pget_layout", to: attempt()) { H5Pget_layout(identifier).rawValue }
    switch layout {
    case H5D_COMPACT.rawValue: self = .compact
    case H5D_VIRTUAL.rawValue: self = .virtual
    case H5D_CHUNKED.rawValue:
      self = .chunked(
        ChunkLayout(
          shape: try Self.chunkShape(properties, to: attempt()),
          filters: try Filter.all(of: properties, to: attempt()),
          leavesPartialChunksUnfiltered: try Self.chunkOptions(properties, to: attempt()) != 0))
    default:
      let count = try call("H5Pget_external_count", to: attempt()) { H5Pget_external_count(identifier) }
      self = count > 0 ? .external : .contiguous
    }
  }

  private static func chunkOptions(
    _ properties: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> UInt32 {
    var options: UInt32 = 0
    try call("H5Pget_chunk_opts", to: attempt()) { H5Pget_chunk_opts(properties.identifier, &options) }
    return options
  }

  private static func chunkShape(
    _ properties: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> [Int] {
    let rank = try call("H5Pget_chunk", to: attempt()) { H5Pget_chunk(properties.identifier, 0, nil) }
    var extents = [hsize_t](repeating: 0, count: Int(rank))
    try call("H5Pget_chunk", to: attempt()) { H5Pget_chunk(properties.identifier, rank, &extents) }
    try require(
      extents.allSatisfy { 0 < $0 && $0 <= UInt32.max }, "H5Pget_chunk", to: attempt(),
      "its chunks have the shape \(extents)")
    return extents.map { Int($0) }
  }
}

extension Filter {
  /// The filters of a dataset's creation properties.
  ///
  /// The corresponding C function is `H5Pget_filter2`.
  static func all(
    of properties: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> [Filter] {
    let count = try call("H5Pget_nfilters", to: attempt()) { H5Pget_nfilters(properties.identifier) }
    var filters: [Filter] = []
    for index in 0..<UInt32(count) {
      filters.append(try Filter(properties, index: index, to: attempt()))
    }
    return filters
  }

  private init(
    _ properties: Handle, index: UInt32, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    // The count of parameters comes first, then the parameters: a file decides how many there are.
    var parameterCount = 0
    try call("H5Pget_filter2", to: attempt()) {
      H5Pget_filter2(properties.identifier, index, nil, &parameterCount, nil, 0, nil, nil)
    }
    var flags: UInt32 = 0
    var parameters = [UInt32](repeating: 0, count: parameterCount)
    var name = [CChar](repeating: 0, count: 256)
    let identifier = try call("H5Pget_filter2", to: attempt()) {
      H5Pget_filter2(
        properties.identifier, index, &flags, &parameterCount, &parameters, name.count - 1, &name, nil)
    }
    let nameInFile = String(repairing: name)
    self.identifier = Int(identifier)
    self.name = Self.names[Int(identifier)] ?? (nameInFile.isEmpty ? "filter \(identifier)" : nameInFile)
    self.parameters = parameters
    self.isAvailable = H5Zfilter_avail(identifier) > 0
    self.isOptional = flags & UInt32(H5Z_FLAG_OPTIONAL) != 0
  }
}

extension StorageRequest {
  /// The creation properties for a dataset stored like this.
  ///
  /// The corresponding C function is `H5Pcreate`.
  func makeProperties(to attempt: @autoclosure () -> String) throws(HDF5Error) -> Handle {
    let properties = try Handle(.propertyList, "H5Pcreate", to: attempt()) {
      H5Pcreate(chdf5_dataset_creation())
    }
    let identifier = properties.identifier
    // No clock times in the file: equal runs give equal bytes.
    try call("H5Pset_obj_track_times", to: attempt()) { H5Pset_obj_track_times(identifier, false) }
    switch self {
    case .contiguous:
      try call("H5Pset_layout", to: attempt()) { H5Pset_layout(identifier, H5D_CONTIGUOUS) }
      try call("H5Pset_alloc_time", to: attempt()) { H5Pset_alloc_time(identifier, H5D_ALLOC_TIME_EARLY) }
      try call("H5Pset_fill_time", to: attempt()) { H5Pset_fill_time(identifier, H5D_FILL_TIME_NEVER) }
    case .chunked(let shape, let filters):
      let extents = try Dataspace.extents(shape, "H5Pset_chunk", to: attempt())
      try call("H5Pset_chunk", to: attempt()) { H5Pset_chunk(identifier, Int32(extents.count), extents) }
      for filter in filters { try filter.add(to: identifier, attempt: attempt()) }
    }
    return properties
  }
}

extension FilterRequest {
  fileprivate func add(
    to properties: hid_t, attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    switch self {
    case .shuffle:
      try call("H5Pset_shuffle", to: attempt()) { H5Pset_shuffle(properties) }
    case .deflate(let level):
      try require(
        (0...9).contains(level), "H5Pset_deflate", to: attempt(), "the level \(level) is not in 0 to 9")
      try call("H5Pset_deflate", to: attempt()) { H5Pset_deflate(properties, UInt32(level)) }
    case .fletcher32:
      try call("H5Pset_fletcher32", to: attempt()) { H5Pset_fletcher32(properties) }
    case .registered(let identifier, let parameters):
      try call("H5Pset_filter", to: attempt()) {
        H5Pset_filter(
          properties, H5Z_filter_t(identifier), UInt32(H5Z_FLAG_OPTIONAL), parameters.count, parameters)
      }
    }
  }
}
