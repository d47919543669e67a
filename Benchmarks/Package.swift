// swift-tools-version: 6.1

import PackageDescription

// A package of its own, so that who builds Turnup needs nothing of this.
let package = Package(
    name: "turnup-benchmarks",
    products: [
        .executable(name: "turnup-bench", targets: ["Bench"]),
        // Apart, because it needs the whole worker, and the short form does not.
        .executable(name: "turnup-bench-calls", targets: ["CallsOfNothing"]),
    ],
    dependencies: [
        .package(name: "turnup", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
    ],
    targets: [
        .executableTarget(
            name: "Bench",
            dependencies: [
                .product(name: "Postgres", package: "turnup"),
                .product(name: "LocalPostgres", package: "turnup"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
            ]),
        .executableTarget(
            name: "CallsOfNothing",
            dependencies: [
                .product(name: "Postgres", package: "turnup"),
                .product(name: "WorkerParts", package: "turnup"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
