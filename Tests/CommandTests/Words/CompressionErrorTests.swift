import ChunkCodec
import LayerFiles
import Testing

@testable import bn_stream

#if os(Linux)
  /// The words for libraries that are not there. Where they are, a test of the command hides one.
  @Suite(.timeLimit(.minutes(30))) struct CompressionErrorTests {
    @Test(arguments: [
      (CompressionLibrary.lzf, "lzf (filter 32000)", "liblzf1"), (.zstd, "zstd (filter 32015)", "libzstd1"),
    ])
    func aMissingLibrary(library: CompressionLibrary, name: String, package: String) {
      let error = StreamError.missingLibrary(file: "in.h5", dataset: "/x", library)
      #expect(
        error.description
          == "in.h5: /x is compressed with \(name), for which there is no library here; install it, on Debian or Ubuntu with "
          + "`apt-get install \(package)`, or rewrite it with gzip")
      #expect(error.exitStatus == .badInput)
    }
  }
#endif
