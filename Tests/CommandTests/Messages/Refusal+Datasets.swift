import Foundation
import HDF5
import TestSupport

/// What is wrong with a dataset before its numbers are looked at.
extension Refusal {
  static let datasets: [Refusal] =
    [
      Refusal(
        "StreamError.twoNames", input: .fixture("bad/gamma_and_weight.h5"), exitCode: 65,
        "gamma_and_weight.h5: /layer holds both `gamma` and `weight`, two names for one thing; remove one, or choose with "
          + "`datasets` in the configuration"),
      // Where layers have no groups, the last name of both is the layer's.
      Refusal(
        "StreamError.twoNames",
        input: .made { program in
          try program.make { root in
            try root.createGroup("activations").add("bn", Group.numbers([4, 2], seed: 1), shape: [4, 2])
            for role in ["gamma", "weight"] { try root.createGroup(role).add("bn", [1, 2]) }
          }
        },
        configuration: #"{"grouped_by": "role"}"#, exitCode: 65,
        "in.h5: /bn holds both `/gamma/bn` and `/weight/bn`, two names for one thing; remove one, or choose with `datasets` in "
          + "the configuration"),
      Refusal(
        "StreamError.linkNotFollowed", "LinkEnd.otherFile", input: .fixture("bad/external_link.h5"),
        exitCode: 65,
        "external_link.h5: /layer/activations is a link to /layer/inputs in the file no_layer.h5, and other files are not "
          + "opened; give that one to --in, or copy the data into the file, for example with h5copy"),
      Refusal(
        "StreamError.linkNotFollowed", "LinkEnd.nowhere", input: .fixture("bad/soft_link.h5"), exitCode: 65,
        "soft_link.h5: /layer/activations is a soft link to /data, where there is nothing; correct the link, or copy the data"
      ),
      Refusal(
        "StreamError.notADataset", input: .fixture("bad/activations_group.h5"), exitCode: 65,
        "activations_group.h5: /layer/activations is not a dataset; rename it, or name the right one with `datasets` in the "
          + "configuration"),
      Refusal(
        "StreamError.notADataset",
        input: layer {
          try $0.addTensors([4, 3])
          _ = try $0.createGroup("gamma")
        },
        exitCode: 65,
        "in.h5: /layer/gamma is not a dataset; rename it, or name the right one with `datasets` in the configuration"
      ),
      Refusal(
        "StreamError.rankTooSmall", input: layer { try $0.addTensors([6]) }, exitCode: 65,
        "in.h5: /layer/activations has shape [6], but samples and features need two axes or more; store it as [samples, "
          + "features]"),
      Refusal(
        "StreamError.noSuchAxis", input: layer { try $0.addTensors([4, 3, 2]) },
        options: ["--feature-axis", "-3"], exitCode: 65,
        "in.h5: /layer/activations of shape [4, 3, 2] has no feature axis -3; --feature-axis takes 1...2, or -2...-1 from the "
          + "end"),
      Refusal(
        "StreamError.emptyAxis", input: layer { try $0.addTensors([4, 3, 0]) }, exitCode: 65,
        "in.h5: /layer/activations of shape [4, 3, 0] has an axis of length 0 besides the samples'; there is nothing to "
          + "normalize"),
      Refusal(
        "StreamError.notNumeric", input: .fixture("bad/compound_type.h5"), exitCode: 65,
        "compound_type.h5: /layer/activations holds compound, not numbers of a known type; convert it to float32 or float64"
      ),
      Refusal(
        "StreamError.notNumeric", input: .fixture("bad/gamma_string.h5"), exitCode: 65,
        "gamma_string.h5: /layer/gamma holds string, not numbers of a known type; convert it to float32 or float64"
      ),
      Refusal(
        "StreamError.wrongShape", input: .fixture("bad/grad_output_shape.h5"), exitCode: 65,
        "grad_output_shape.h5: /layer/grad_output has shape [6, 4], but /layer/activations needs [6, 3]; write it with that "
          + "shape"),
      Refusal(
        "StreamError.wrongShape",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("running_var", [1, 1])
        },
        exitCode: 65,
        "in.h5: /layer/running_var has shape [2], but /layer/activations of shape [4, 3] needs [3]; write it with that shape, "
          + "or say with --feature-axis where the features are"),
      Refusal(
        "StreamError.wrongMaskShape",
        input: layer {
          try $0.addTensors([4, 3, 2])
          try $0.add("mask", [1, 1, 1], type: .int8)
        },
        exitCode: 65,
        "in.h5: /layer/mask has shape [3], but a mask has an entry for each sample or position, whatever the feature: [4] or "
          + "[4, 2] or [4, 1, 2], with 1 for any of the numbers where all share an entry; write it with such a shape"
      ),
      Refusal(
        "StreamError.wrongMaskShape",
        input: layer {
          try $0.addTensors([4, 3, 2])
          try $0.add("mask", Array(repeating: 1, count: 24), shape: [4, 3, 2])
        },
        exitCode: 65,
        "in.h5: /layer/mask has shape [4, 3, 2], but a mask has an entry for each sample or position, whatever the feature: "
          + "[4] or [4, 2] or [4, 1, 2], with 1 for any of the numbers where all share an entry; write it with such a shape"
      ),
      // Of a dense layer several shapes are the same, and are said once.
      Refusal(
        "StreamError.wrongMaskShape",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("mask", [1, 1, 1], type: .int8)
        },
        exitCode: 65,
        "in.h5: /layer/mask has shape [3], but a mask has an entry for each sample or position, whatever the feature: [4] or "
          + "[4, 1], with 1 for any of the numbers where all share an entry; write it with such a shape"),
      Refusal(
        "StreamError.foreignStorage", input: .fixture("bad/external_storage.h5"), exitCode: 65,
        "external_storage.h5: /layer/activations keeps its data in other files (external storage), which is not followed; copy "
          + "the data into the file, for example with h5repack -l CONTI"),
      Refusal(
        "StreamError.foreignStorage", input: .fixture("bad/virtual_dataset.h5"), exitCode: 65,
        "virtual_dataset.h5: /layer/activations keeps its data in other files (a virtual dataset), which is not followed; copy "
          + "the data into the file, for example with h5repack -l CONTI"),
      Refusal(
        "StreamError.unavailableFilter", input: .fixture("bad/filter_bzip2.h5"), exitCode: 65,
        "filter_bzip2.h5: /layer/activations is compressed with bzip2 (filter 307), which this HDF5 library cannot read; "
          + "rewrite it with gzip, for example with h5py where that filter is known"),
      Refusal(
        "StreamError.unavailableFilter", input: .fixture("bad/filter_blosc_codec.h5"), exitCode: 65,
        "filter_blosc_codec.h5: /layer/activations is compressed with blosc with codec 9 (filter 32001), which this HDF5 library "
          + "cannot read; rewrite it with gzip, for example with h5py where that filter is known"),
      Refusal(
        "StreamError.unavailableFilter", input: .fixture("bad/filter_zstd_gzip.h5"), exitCode: 65,
        "filter_zstd_gzip.h5: /layer/activations is compressed with zstd and gzip (filter 32015), which this HDF5 library "
          + "cannot read; rewrite it with gzip, for example with h5py where that filter is known"),
      Refusal(
        "StreamError.largerThanFile", input: .fixture("bad/huge_claim.h5"), exitCode: 65,
        "huge_claim.h5: /layer/activations of shape [1099511627776, 3] needs 12 TiB, but the file has only 578 B; the file is "
          + "truncated or damaged, write it anew"),
      Refusal(
        "StreamError.notNumeric",
        input: layer { try $0.addOpaque("activations", tag: "pair", shape: [2, 2], [1, 2, 3, 4]) },
        exitCode: 65,
        "in.h5: /layer/activations holds opaque elements of 2 bytes ('pair'), not numbers of a known type; convert it to "
          + "float32 or float64"),
    ] + elsewhere + missingLibrary

  /// Activations that are a link into another file, where layers are found by their paths.
  private static let elsewhere: [Refusal] = [
    (#"{"grouped_by": "role"}"#, "activations/", ""),
    (#"{"datasets": {"activations": "{layer}_x"}}"#, "", "_x"),
    (#"{"datasets": {"activations": "acts/{layer}"}}"#, "acts/", ""),
  ].map { configuration, before, behind -> Refusal in
    Refusal(
      "StreamError.linkNotFollowed", "LinkEnd.otherFile",
      input: .made { program in
        try program.make { root in
          let group: Group = try root.descendant(before)
          try group.add("bn1\(behind)", Group.numbers([6, 3], seed: 1), shape: [6, 3])
          group.addExternalLink("bn2\(behind)", to: "/x", in: "part.h5")
        }
        try program.make("part.h5") { try $0.add("x", Group.numbers([6, 3], seed: 2), shape: [6, 3]) }
      }, configuration: configuration, exitCode: 65,
      "in.h5: /\(before)bn2\(behind) is a link to /x in the file part.h5, and other files are not opened; give that one to "
        + "--in, or copy the data into the file, for example with h5copy")
  }

  /// A file without content where the system looks first: a library that cannot be loaded.
  private static var missingLibrary: [Refusal] {
    #if os(Linux)
      [
        Refusal(
          "StreamError.missingLibrary",
          input: .made { program in
            try FileManager.default.copyItem(
              atPath: Repository.fixture("lzf.h5"), toPath: program.path("in.h5"))
            try program.write("", to: "liblzf.so.1")
          }, shell: #"LD_LIBRARY_PATH=".:$LD_LIBRARY_PATH" "$0""#, exitCode: 65,
          "in.h5: /layer/activations is compressed with lzf (filter 32000), for which there is no library here; install it, "
            + "on Debian or Ubuntu with `apt-get install liblzf1`, or rewrite it with gzip"),
        Refusal(
          "StreamError.missingEncoder",
          input: .made { program in
            try FileManager.default.copyItem(
              atPath: Repository.fixture("rank2.h5"), toPath: program.path("in.h5"))
            try program.write("", to: "liblz4.so.1")
          }, configuration: #"{"output_storage": {"layout": "chunked", "lz4": true, "bitshuffle": true}}"#,
          shell: #"LD_LIBRARY_PATH=".:$LD_LIBRARY_PATH" "$0""#, exitCode: 78,
          "the configuration's output_storage.lz4 needs the library lz4, which is not here; install it, on Debian or Ubuntu "
            + "with `apt-get install liblz4-1`, or choose gzip"),
      ]
    #else
      []
    #endif
  }

  /// A file in.h5 with one group `layer`.
  static func layer(_ build: @escaping @Sendable (Group) throws -> Void) -> Input {
    .made { try $0.make { try build($0.createGroup("layer")) } }
  }
}
