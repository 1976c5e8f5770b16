using Berth;
using Berth.Cli;
using Berth.Cli.Up;
using Berth.Linux;

// What a shell or a service manager left open must reach no container.
OwnProcess.ShieldInheritedDescriptors();
return await CliRoot.Create(GatewayDaemon.RunAsync, UpCommand.Create()).Parse(args)
    // serve and up end by themselves on a signal, in their own time; the library would cut them off after two seconds.
    .InvokeAsync(new() { ProcessTerminationTimeout = null });
