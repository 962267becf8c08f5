/** What the fake sells: three sites, plans with and without GPUs, some of it out of stock. */

const usd = (hour: number) => ({ USD: { hour, month: Math.round(hour * 365), year: Math.round(hour * 3066) } });

interface Where {
  readonly country: string;
  readonly available: readonly string[];
  readonly inStock: readonly string[];
  readonly hour: number;
}

function plan(slug: string, cores: number, memory: number, gpu: object, regions: readonly Where[]) {
  return {
    id: `plan_${slug}`,
    type: "plans",
    attributes: {
      slug,
      name: slug.replaceAll("-", "."),
      features: ["ssh", "raid", "user_data"],
      specs: {
        cpu: { type: "EPYC", clock: 3.5, cores, count: 1 },
        memory: { total: memory },
        drives: [{ count: 2, size: "480 GB", type: "SSD" }],
        nics: [{ count: 2, type: "10 Gbps" }],
        gpu,
      },
      regions: regions.map(({ country, available, inStock, hour }) => ({
        name: country,
        deploys_instantly: [],
        locations: { available, in_stock: inStock },
        stock_level: inStock.length > 0 ? "low" : "unavailable",
        pricing: usd(hour),
      })),
    },
  };
}

export const PLANS = [
  plan("c2-small-x86", 4, 32, {}, [
    { country: "United States", available: ["NYC", "DAL"], inStock: ["NYC", "DAL"], hour: 0.21 },
    { country: "Germany", available: ["FRA"], inStock: [], hour: 0.21 },
  ]),
  plan("c3-medium-x86", 8, 64, {}, [
    { country: "United States", available: ["NYC"], inStock: ["NYC"], hour: 0.41 },
    { country: "Germany", available: ["FRA"], inStock: ["FRA"], hour: 0.43 },
  ]),
  plan("m4-metal-large", 24, 768, {}, [{ country: "United States", available: ["DAL"], inStock: ["DAL"], hour: 1.9 }]),
  plan("g3-large-x86", 32, 512, { count: 2, type: "NVIDIA L40S", vram_per_gpu: 48, interconnect: "PCIe" }, [
    { country: "United States", available: ["NYC", "DAL"], inStock: ["DAL"], hour: 4.4 },
  ]),
  plan("g4-rtx6kpro-large", 64, 1024, { count: 4, type: "NVIDIA RTX 6000 Pro" }, [
    { country: "United States", available: ["NYC"], inStock: ["NYC"], hour: 8.1 },
  ]),
];
