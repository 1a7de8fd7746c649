import { KeyValuePipe } from "@angular/common"
import { Component } from "@angular/core"
import { eventStream } from "./angular"

@Component({
  selector: "app-prices",
  imports: [KeyValuePipe],
  template: `
    @if (prices.status().state !== "open") { <p>{{ prices.status().state }}</p> }
    @for (price of prices.data() | keyvalue; track price.key) { <p>{{ price.key }} {{ price.value }}</p> }
  `,
})
export class Prices {
  readonly prices = eventStream<Record<string, number>>("/prices", {}, (all, event) => {
    const { symbol, price } = event.json<{ symbol: string; price: number }>()
    return { ...all, [symbol]: price }
  })
}
