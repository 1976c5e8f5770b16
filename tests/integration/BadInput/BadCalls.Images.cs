using Berth.Cri.Protos;
using Berth.Tests.Support;
using Google.Protobuf;
using static Grpc.Core.StatusCode;

namespace Berth.Tests.Integration.BadInput;

internal static partial class BadCalls
{
    // An image that is not here is an answer, and its removal a success.
    private static IEnumerable<BadCall> Image(BadInputScene scene, Func<ImageSpec?, IMessage> request) =>
    [
        new("no image", request(null), InvalidArgument, "image is missing"),
        new("no name", request(new()), InvalidArgument, "image.image"),
        new("a name too long", request(new() { Image = new string('a', 100_000) }), InvalidArgument, "image.image", "4096"),
        new("a name of two lines", request(new() { Image = "a\nb" }), InvalidArgument, "image.image"),
    ];

    private static IEnumerable<BadCall> PullImage(BadInputScene scene)
    {
        static PullImageRequest Pull(string image) => new() { Image = new() { Image = image } };
        var registry = scene.Suite.Registry.Host;
        var down = $"127.0.0.1:{FreePort.Next()}";
        var withAuth = Pull($"{registry}/a:b");
        withAuth.Auth = new() { Auth = "not base64" };
        return
        [
            .. Image(scene, static spec => new PullImageRequest { Image = spec }),
            new("a name in capitals", Pull("localhost/UPPER:tag"), InvalidArgument, "localhost/UPPER:tag", "the form is"),
            new("blanks", Pull("spaces in/it"), InvalidArgument, "spaces in/it"),
            new("a name that climbs", Pull("host/../climb:tag"), InvalidArgument, "host/../climb:tag"),
            new("a digest cut short", Pull("name@sha256:short"), InvalidArgument, "name@sha256:short"),
            new("an id", Pull(new string('a', 64)), InvalidArgument, "an image id"),
            new("credentials that are none", withAuth, InvalidArgument, "auth", "base64"),
            new("for a handler that is none", new PullImageRequest { Image = new() { Image = $"{registry}/a:b", RuntimeHandler = "zeppelin" } }, InvalidArgument, "image.runtime_handler", "zeppelin"),
            new("a registry that is down", Pull($"{down}/down:one"), Unavailable, down),
            new("an image that the registry does not have", Pull($"{registry}/no/such:image"), NotFound, $"{registry}/no/such:image", "check the name"),
        ];
    }
}
