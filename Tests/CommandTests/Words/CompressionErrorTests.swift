import ChunkCodec
import LayerFiles
import Testing

@testable import bn_stream

#if os(Linux)
  /// The words for libraries that are not there. Where they are, a test of the command hides one.
  @Suite(.timeLimit(.minutes(30))) struct CompressionErrorTests {
    @Test(arguments: [
      (CompressionLibrary.lzf, "lzf", 32000, "liblzf1"), (.zstd, "zstd", 32015, "libzstd1"),
      (.lz4, "lz4", 32004, "liblz4-1"), (.lz4, "bitshuffle", 32008, "liblz4-1"),
      (.blosc, "blosc", 32001, "libblosc1"),
    ])
    func aMissingLibrary(library: CompressionLibrary, filter: String, identifier: Int, package: String) {
      let error = StreamError.missingLibrary(
        file: "in.h5", dataset: "/x", filter: filter, identifier: identifier, library)
      #expect(
        error.description
          == "in.h5: /x is compressed with \(filter) (filter \(identifier)), for which there is no library here; install it, on Debian or Ubuntu with "
          + "`apt-get install \(package)`, or rewrite it with gzip")
      #expect(error.exitStatus == .badInput)
    }

    /// Debian 12 has no package of it.
    @Test func aMissingLibraryOfPythonsPackage() {
      let error = StreamError.missingLibrary(
        file: "in.h5", dataset: "/x", filter: "blosc2", identifier: 32026, .blosc2)
      #expect(
        error.description
          == "in.h5: /x is compressed with blosc2 (filter 32026), for which there is no library here; install it, on Debian 13 or Ubuntu 24.04 "
          + "with `apt-get install libblosc2-dev`; elsewhere with `pip install blosc2`, whose folder blosc2/lib the environment variable "
          + "LD_LIBRARY_PATH has to name, or rewrite it with gzip")
      #expect(error.exitStatus == .badInput)
    }
  }
#endif
