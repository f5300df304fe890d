import CHDF5

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
    }
  }
}
